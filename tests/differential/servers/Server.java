// What Tomcat and Jackson read from a request.
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.http.*;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.catalina.startup.Tomcat;

public class Server {
    static final ObjectMapper mapper = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        java.util.logging.LogManager.getLogManager().reset();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        tomcat.setPort(0);
        
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        var context = tomcat.addContext("", arguments[0]);
        context.setAllowCasualMultipartParsing(true);
        Tomcat.addServlet(context, "all", new HttpServlet() {
            @Override
            protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
                List<Object> read = new ArrayList<>();
                read.add(List.of("path", "", String.valueOf(request.getPathInfo())));
                byte[] body = new byte[0];
                String type = String.valueOf(request.getContentType()).toLowerCase(Locale.ROOT);
                if (!type.startsWith("application/x-www-form-urlencoded") && !type.startsWith("multipart/")) {
                    body = request.getInputStream().readAllBytes();
                    try {
                        read.add(Arrays.asList("json", "", mapper.readTree(body)));
                    } catch (IOException error) { // no document, which no application reads
                    }
                }
                String place = request.getQueryString() == null ? "form" : "query";
                request.getParameterMap().forEach((name, values) -> read.add(List.of(place, name, values)));
                if (request.getCookies() != null)
                    for (Cookie it : request.getCookies()) read.add(List.of("cookie", it.getName(), it.getValue()));
                for (String name : Collections.list(request.getHeaderNames()))
                    read.add(List.of("header", name.toLowerCase(Locale.ROOT), Collections.list(request.getHeaders(name))));
                response.setContentType("application/json");
                response.getOutputStream().write(mapper.writeValueAsBytes(read));
            }
        });
        context.addServletMappingDecoded("/*", "all");
        tomcat.start();
        System.out.println(tomcat.getConnector().getLocalPort());
        tomcat.getServer().await();
    }
}
