import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** Puts a record and gets it, and prints both answers. By itself the client asks for HTTP/2. */
public class PutAndGet {
    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newHttpClient();
        var group = arguments[0] + "/FeatureGroup/customers";
        var put = HttpRequest.newBuilder(URI.create(group)).PUT(BodyPublishers.ofString(arguments[1]));
        var get = HttpRequest.newBuilder(URI.create(group + "?RecordIdentifierValueAsString=J1"));
        for (var request : new HttpRequest[] {put.build(), get.build()}) {
            var answer = client.send(request, BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
